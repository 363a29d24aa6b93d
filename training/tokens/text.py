"""The voice's own small tokenizer: lower case, digits one by one, 512 word pieces.

Step 0 of text-to-semantic training makes it from the corpus texts:

    python -m training.tokens.text --root DIR
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from training.recipe import Recipe

_UNKNOWN = "[UNK]"


def build(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-pair tokenizer of `size` pieces for English as users type it."""
    tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex("[\u2018\u2019]"), "'"),
            normalizers.Replace(Regex('[\u201c\u201d"()\\[\\]]'), ""),
            normalizers.Replace(Regex("[\u2013\u2014;]"), ", "),
            normalizers.Replace(Regex("\\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex("[.,!?:$%-]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[_UNKNOWN],
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789 .,!?:$%-'"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(root: Path) -> Tokenizer:
    """The tokenizer of `root`, made from its texts if not there yet."""
    path = root / "tokenizer.json"
    if not path.exists():
        texts = (root / "texts.txt").read_text("utf-8").splitlines()
        build(texts, Recipe().text_vocabulary).save(str(path))
    return Tokenizer.from_file(str(path))


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args(arguments)
    tokenizer = load(options.root)
    print(tokenizer.encode("Please call 42 people at 6:45, won't you?").tokens)


if __name__ == "__main__":
    main()
