"""The voice's token languages: semantic tokens and the text tokenizer."""
