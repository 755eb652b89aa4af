"""The words that the embedded speech says beside the English digits: sounds by phoneme, words by spelling.

Sources: vowels, Peterson and Barney 1952, J. Acoust. Soc. Am. 24(2), p. 175-184 (male averages); German front
rounded vowels and all consonants are set by ear. Word lists: SHD, Cramer et al. 2020; SSC, Warden 2018, arXiv
1804.03209.
"""

from ..speech import DIGITS, Sound, Words


def _vowel(*formants: float, duration_s: float = 0.11) -> tuple[Sound, ...]:
    return (Sound((formants[0], formants[1], formants[2]), duration_s),)


def _murmur(*formants: float, duration_s: float = 0.07, voice: float = 0.45) -> tuple[Sound, ...]:
    return (Sound((formants[0], formants[1], formants[2]), duration_s, voice=voice),)


def _hiss(noise_hz: float, breath: float, voice: float = 0.0, duration_s: float = 0.09) -> tuple[Sound, ...]:
    return (Sound((310, 1600, 2500), duration_s, voice=voice, breath=breath, noise_hz=noise_hz),)


def _stop(noise_hz: float, breath: float, voice: float, second_hz: float) -> tuple[Sound, ...]:
    """Closure and burst."""
    return (
        Sound((250, second_hz, 2500), 0.045, voice=voice),
        Sound((350, second_hz, 2500), 0.025, voice=voice, breath=breath, noise_hz=noise_hz),
    )


PHONEMES = {
    "iy": _vowel(270, 2290, 3010),
    "ih": _vowel(390, 1990, 2550, duration_s=0.08),
    "eh": _vowel(530, 1840, 2480),
    "ae": _vowel(660, 1720, 2410),
    "aa": _vowel(730, 1090, 2440, duration_s=0.13),
    "ao": _vowel(570, 840, 2410, duration_s=0.13),
    "uh": _vowel(440, 1020, 2240, duration_s=0.08),
    "uw": _vowel(300, 870, 2240, duration_s=0.13),
    "ah": _vowel(640, 1190, 2390, duration_s=0.09),
    "er": _vowel(490, 1350, 1690),
    "ax": _vowel(500, 1500, 2500, duration_s=0.06),
    "ee": _vowel(400, 2150, 2700, duration_s=0.12),
    "yu": _vowel(310, 1650, 2200, duration_s=0.12),
    "oe": _vowel(480, 1500, 2300),
    "r": _murmur(350, 1100, 1500, voice=0.7),
    "rr": _murmur(450, 1150, 2300, voice=0.4),  # of the throat, as in German
    "l": _murmur(360, 1000, 2700, voice=0.6),
    "w": _murmur(300, 650, 2200, voice=0.7),
    "y": _murmur(280, 2200, 2900, voice=0.6, duration_s=0.05),
    "m": _murmur(250, 1000, 2200, voice=0.4),
    "n": _murmur(280, 1350, 2300, voice=0.4),
    "ng": _murmur(280, 1900, 2500, voice=0.4),
    "s": _hiss(3700, 0.35),
    "z": _hiss(3600, 0.2, voice=0.35, duration_s=0.07),
    "sh": _hiss(2700, 0.35),
    "zh": _hiss(2600, 0.2, voice=0.35, duration_s=0.07),
    "f": _hiss(2600, 0.13),
    "v": _hiss(2500, 0.06, voice=0.4, duration_s=0.06),
    "th": _hiss(3200, 0.1, duration_s=0.08),
    "hh": _hiss(1500, 0.1, duration_s=0.05),
    "x": _hiss(1300, 0.22, duration_s=0.08),  # as in German "acht"
    "p": _stop(900, 0.2, 0.0, 900),
    "t": _stop(3300, 0.35, 0.0, 1800),
    "k": _stop(2000, 0.3, 0.0, 1900),
    "b": _stop(800, 0.1, 0.25, 900),
    "d": _stop(3000, 0.15, 0.25, 1700),
    "g": _stop(1900, 0.15, 0.25, 1900),
}


def spelled(phonemes: str) -> tuple[Sound, ...]:
    """Return the sounds of a word.

    >>> len(spelled("ah p"))
    3
    """
    return tuple(sound for name in phonemes.split() for sound in PHONEMES[name])


_ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GERMAN = {
    "null": "n uh l",
    "eins": "aa ih n s",
    "zwei": "t s v aa ih",
    "drei": "d rr aa ih",
    "vier": "f iy rr ax",
    "fuenf": "f yu n f",
    "sechs": "z eh k s",
    "sieben": "z iy b ax n",
    "acht": "aa x t",
    "neun": "n ao ih n",
}
_COMMANDS = {
    "yes": "y eh s",
    "no": "n ao uw",
    "up": "ah p",
    "down": "d aa uh n",
    "left": "l eh f t",
    "right": "r aa ih t",
    "on": "aa n",
    "off": "ao f",
    "stop": "s t aa p",
    "go": "g ao uw",
}
_OTHERS = {
    "backward": "b ae k w er d",
    "bed": "b eh d",
    "bird": "b er d",
    "cat": "k ae t",
    "dog": "d ao g",
    "follow": "f aa l ao uw",
    "forward": "f ao r w er d",
    "happy": "hh ae p iy",
    "house": "hh aa uh s",
    "learn": "l er n",
    "marvin": "m aa r v ih n",
    "sheila": "sh iy l ax",
    "tree": "t r iy",
    "visual": "v ih zh uw ax l",
    "wow": "w aa uh w",
}
_DIGIT_SOUNDS: Words = DIGITS

# class names in the order of the labels, and what each sounds like
SHD_WORDS: tuple[tuple[str, ...], Words] = (
    (*_ENGLISH, *_GERMAN),
    (*_DIGIT_SOUNDS, *map(spelled, _GERMAN.values())),
)
_SSC = dict(zip(_ENGLISH, _DIGIT_SOUNDS, strict=True)) | {
    word: spelled(phonemes) for word, phonemes in (_COMMANDS | _OTHERS).items()
}
SSC_WORDS: tuple[tuple[str, ...], Words] = (tuple(_SSC), tuple(_SSC.values()))
