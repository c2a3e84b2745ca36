"""What is the Vision Transformer, equation by equation? Start at `pdl.vit.model`."""
