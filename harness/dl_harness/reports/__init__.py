"""What came out of a check, for people and for machines: each module turns one `Report` into one form.

They read results only. `terminal` writes text, `document` the JSON document and its schema, `junit` XML for
CI, `html` one page with the items and what was predicted on them; `writing` puts any of them on disk.
"""
