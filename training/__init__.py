"""How the embedded voice was made: texts, teacher audio, codec, tokens, transformers, export.

Nothing outside this package imports it. Start with `training/README.md`.
"""
