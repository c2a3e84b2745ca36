"""Turn percent scripts that run into pages of a documentation site.

The way of the data is one street:

    script --parse--> Chapter --key--> cached Record, or a kernel run --render--> Markdown + files

``script`` parses, ``key`` says when outputs are stale, ``execute`` runs a kernel, ``record`` keeps
what a run gave, ``render`` makes Markdown of it, ``book`` leads one chapter after the other down
that street, and ``plugin`` is the thin shell that hands the pages to MkDocs. Nothing here knows
what the chapters are about.
"""
