"""Sentences made from patterns: numbers, times, money, dates, questions, short replies.

The word lists are our own. What is written with digits stays so: the model reads text as users
write it, and the teacher's front end knows how to say it.
"""

import random
from collections.abc import Callable

NAMES = (
    "Anna Ben Clara David Emma Frank Grace Henry Iris Jack Kate Leo Maria Nathan Olivia Peter "
    "Quinn Rachel Sam Tina Victor Wendy Alice Bruno Carol Daniel Ellen George Helen Ian Julia "
    "Kevin Laura Martin Nora Oscar Paul Rosa Simon Tom"
).split()
CITIES = (
    "London Paris Chicago Madrid Berlin Toronto Sydney Tokyo Rome Dublin Seattle Dallas Vienna "
    "Lisbon Oslo Denver Atlanta Boston Houston Miami Prague Warsaw Athens Cairo Mumbai"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()
THINGS = (
    "book table car house phone letter picture window door garden bottle camera lamp jacket ticket "
    "computer guitar mirror basket bicycle blanket kettle hammer ladder pencil carpet radio clock "
    "necklace suitcase umbrella sandwich machine battery bridge statue engine mountain river"
).split()
PLURALS = (
    "books chairs boxes people minutes pages houses birds letters apples students tickets bottles "
    "flowers cars windows tables dogs sheep children islands machines stories questions coins"
).split()
QUALITIES = (
    "new old small large heavy light red green blue yellow strange beautiful cheap expensive "
    "broken "
    "quiet loud warm cold dark bright empty full clean dirty simple difficult famous friendly"
).split()
PLACES = (
    "in the kitchen|at the station|near the park|behind the school|on the roof|by the lake|"
    "under the bridge|next to the bank|in the garden|at the office|outside the theater|"
    "across the street|at the airport|in the library|on the second floor"
).split("|")
WHEN = (
    "today|tomorrow|yesterday|this morning|last night|next week|every day|on Monday|at noon|"
    "in the evening|after lunch|before the meeting|right now|as soon as possible|two days ago"
).split("|")
PERSONS = "I|you|we|they|my sister|the teacher|our neighbor|the doctor|her father|the boy".split(
    "|"
)
PAST = (
    "bought|sold|found|lost|repaired|painted|cleaned|carried|forgot|opened|closed|moved|noticed|"
    "borrowed|returned|described|wanted|needed|broke|hid|saw|brought|kept|lifted|dropped"
).split("|")
BASE = (
    "buy|sell|find|lose|repair|paint|clean|carry|forget|open|close|move|notice|borrow|return|"
    "describe|want|need|break|hide|see|bring|keep|lift|drop"
).split("|")
REPLIES = (
    "Yes|No|Maybe|Of course|Not yet|Thank you|Thanks a lot|You are welcome|Good morning|Good night|"
    "Hello|Hello there|Goodbye|See you later|See you soon|I am sorry|Excuse me|"
    "Never mind|All right|"
    "Well done|Happy birthday|I agree|I see|Exactly|Perhaps|Absolutely|Certainly|Please|Really|"
    "Sounds good|No problem|Take care|Welcome back|Wait|Stop|Sure|Great|Right away|Just a moment|"
    "Let us go|Good luck|Come in|Sit down|Be careful|Of course not|I think so|I hope so|Why not"
).split("|")

Pattern = Callable[[random.Random], str]


def number(rng: random.Random) -> str:
    """A cardinal as a user may write it; small ones come more often."""
    size = rng.choices((10, 100, 1000, 10_000, 1_000_000), (3, 5, 3, 2, 0.7))[0]
    value = rng.randrange(1, size)
    return f"{value:,}" if value >= 1000 and rng.random() < 0.6 else str(value)


def clock(rng: random.Random) -> str:
    """A time of day."""
    hour, minute = rng.randint(1, 12), rng.choice((0, 5, 10, 15, 20, 25, 30, 40, 45, 50, 55))
    if rng.random() < 0.3:
        minute = rng.randint(10, 59)
    return f"{hour}:{minute:02d}" if minute else f"{hour} o'clock"


def year(rng: random.Random) -> str:
    """A year from 1700 to 2030."""
    return str(rng.choice((rng.randint(1700, 1999), rng.randint(1900, 2030))))


def money(rng: random.Random) -> str:
    """Dollars, sometimes with cents."""
    whole = rng.choice((rng.randint(1, 20), rng.randint(1, 200), rng.randint(1, 2000)))
    return f"${whole}.{rng.randint(1, 19) * 5:02d}" if rng.random() < 0.3 else f"${whole}"


def digits(rng: random.Random) -> str:
    """A string of single digits."""
    return " ".join(str(rng.randint(0, 9)) for _ in range(rng.randint(2, 6)))


def _pick(*lists: list[str] | tuple[str, ...]) -> Callable[[random.Random], list[str]]:
    return lambda rng: [rng.choice(words) for words in lists]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def patterns() -> tuple[Pattern, ...]:
    """Every pattern; each makes one sentence from a random source."""
    return (
        lambda r: f"There are {number(r)} {r.choice(PLURALS)} {r.choice(PLACES)}.",
        lambda r: f"{r.choice(NAMES)} counted {number(r)} {r.choice(PLURALS)} {r.choice(WHEN)}.",
        lambda r: f"The number is {digits(r)}.",
        lambda r: f"{_capital(number(r))}, {number(r)}, {number(r)}.",
        lambda r: f"The train to {r.choice(CITIES)} leaves at {clock(r)}.",
        lambda r: f"It is {clock(r)}.",
        lambda r: f"Can we meet at {clock(r)} on {r.choice(DAYS)}?",
        lambda r: f"He was born on {r.choice(MONTHS)} {r.randint(1, 28)}, {year(r)}.",
        lambda r: f"In {year(r)}, {r.choice(NAMES)} moved to {r.choice(CITIES)}.",
        lambda r: f"The {r.choice(QUALITIES)} {r.choice(THINGS)} costs {money(r)}.",
        lambda r: f"About {r.randint(1, 99)} percent of the {r.choice(PLURALS)} were sold.",
        lambda r: f"It is {r.randint(2, 99)} degrees in {r.choice(CITIES)} today.",
        lambda r: f"Room {r.randint(1, 900)} is on floor {r.randint(1, 30)}.",
        lambda r: f"Page {r.randint(1, 600)}, please.",
        lambda r: (
            f"{_capital(r.choice(PERSONS))} {' '.join(_pick(PAST)(r))} a "
            f"{' '.join(_pick(QUALITIES, THINGS, PLACES, WHEN)(r))}."
        ),
        lambda r: f"{_capital(r.choice(PERSONS))} {r.choice(PAST)} the {r.choice(THINGS)}.",
        lambda r: (
            f"Did {r.choice(PERSONS)} {r.choice(BASE)} the {r.choice(THINGS)} {r.choice(WHEN)}?"
        ),
        lambda r: (
            f"Why did {r.choice(NAMES)} {r.choice(BASE)} the "
            f"{' '.join(_pick(QUALITIES, THINGS)(r))}?"
        ),
        lambda r: f"Where is the {' '.join(_pick(QUALITIES, THINGS)(r))}?",
        lambda r: f"Is the {' '.join(_pick(THINGS, PLACES)(r))}?",
        lambda r: f"Would you like to {' '.join(_pick(BASE)(r))} my {r.choice(THINGS)}?",
        lambda r: f"Please {r.choice(BASE)} the {' '.join(_pick(QUALITIES, THINGS)(r))}.",
        lambda r: f"{r.choice(REPLIES)}{r.choice('.!?')}",
        lambda r: f"{r.choice(REPLIES)}, {r.choice(NAMES)}.",
        lambda r: f"{_capital(' '.join(_pick(QUALITIES, THINGS)(r)))}.",
        lambda r: (
            f"{r.choice(NAMES)} and {r.choice(NAMES)} went to {r.choice(CITIES)}, but "
            f"{r.choice(PERSONS)} {' '.join(_pick(PAST)(r))} the {r.choice(THINGS)} and stayed "
            f"{r.choice(PLACES)}."
        ),
        lambda r: (
            f"If {r.choice(PERSONS)} {r.choice(PAST)} the {r.choice(THINGS)}, "
            f"{r.choice(NAMES)} would {r.choice(BASE)} {number(r)} {r.choice(PLURALS)}."
        ),
    )


def sentences(count: int, seed: int) -> list[str]:
    """`count` sentences, patterns in equal shares; the same for the same seed."""
    rng = random.Random(seed)
    makers = patterns()
    return [makers[index % len(makers)](rng) for index in range(count)]
