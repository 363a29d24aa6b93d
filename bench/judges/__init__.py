"""Machines that judge speech and had no part in making it.

Recogniser: Whisper base (Radford et al. 2022, MIT), run by faster-whisper. Quality: DNSMOS
(Reddy et al. 2022, MIT), by speechmos. Both come as packages; see the ``judge`` extra.
"""
