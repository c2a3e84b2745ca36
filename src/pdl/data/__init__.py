"""Where does the data come from? One module for each kind; see `pdl.data.toy` to start."""
