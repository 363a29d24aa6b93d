"""Token layouts against a plain version of the reference algorithm."""

import numpy as np
import pytest

from training.layout import coarse, fine, semantic
from training.recipe import Recipe
from training.tokens.ids import token_ids

RECIPE = Recipe()
IDS = token_ids(RECIPE)


def _utterance(tokens: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 1024, (8, 2 * tokens))
    return random.integers(0, IDS.semantic_vocabulary, tokens), codes


def _reference_windows(
    prompt: tuple[np.ndarray, np.ndarray] | None, new: tuple[np.ndarray, np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Input and tokens to be made, window by window, as in Suno's generate_coarse."""
    ratio = 75 / RECIPE.semantic_rate_hz * 2
    longest = int(np.floor(RECIPE.max_coarse_history / ratio))
    base, history = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if prompt is not None:
        flat = (prompt[1][:2] + np.array([[0], [1024]])).ravel("F") + IDS.semantic_vocabulary
        length = len(prompt[0])
        count = min(longest, length - length % 2, int(np.floor(len(flat) / ratio)))
        base = prompt[0][-count:]
        history = flat[-round(count * ratio) :][:-2]
    target = (new[1][:2] + np.array([[0], [1024]])).ravel("F") + IDS.semantic_vocabulary
    steps = round(np.floor(len(new[0]) * ratio / 2) * 2)
    every = np.concatenate([base, new[0]])
    result = []
    for done in range(0, steps, RECIPE.sliding_window):
        place = len(base) + round(done / ratio)
        part = every[max(0, place - longest) :][: RECIPE.max_coarse_input]
        part = np.pad(
            part, (0, RECIPE.max_coarse_input - len(part)), constant_values=IDS.coarse_pad
        )
        before = np.concatenate([history, target[:done]])[-RECIPE.max_coarse_history :]
        inputs = np.concatenate([part, [IDS.coarse_infer], before])
        result.append((inputs, target[done : min(steps, done + RECIPE.sliding_window)]))
    return result


@pytest.mark.parametrize("prompt_tokens", [None, 20, 48, 131])
@pytest.mark.parametrize("tokens", [1, 15, 16, 90])
def test_coarse_windows_are_the_reference_s(prompt_tokens: int | None, tokens: int) -> None:
    new = _utterance(tokens, 1)
    prompt = None if prompt_tokens is None else _utterance(prompt_tokens, 2)
    voice = coarse.NO_VOICE if prompt is None else coarse.voice(*prompt, RECIPE, IDS)
    flat = coarse.flatten(new[1][:2], IDS)
    wanted = _reference_windows(prompt, new)
    assert coarse.window_count(tokens, RECIPE) == len(wanted)
    for number, (inputs, made) in enumerate(wanted):
        x, y = coarse.window(voice, new[0], flat, number, None, RECIPE, IDS)
        assert np.array_equal(x, np.concatenate([inputs, made])[:-1])
        assert np.array_equal(y[-len(made) :], made)
        known = y != semantic.IGNORED
        assert np.array_equal(x[1:][known[:-1]], y[:-1][known[:-1]])
        assert not known[: RECIPE.max_coarse_input].any()


def test_a_cut_look_ahead_pads_only_what_lies_beyond() -> None:
    new = _utterance(90, 3)
    flat = coarse.flatten(new[1][:2], IDS)
    whole, _ = coarse.window(coarse.NO_VOICE, new[0], flat, 1, None, RECIPE, IDS)
    cut, _ = coarse.window(coarse.NO_VOICE, new[0], flat, 1, 5, RECIPE, IDS)
    slots = RECIPE.max_coarse_input
    assert np.array_equal(whole[slots:], cut[slots:])
    assert np.array_equal(whole[:35], cut[:35])  # 15 done, 15 of this window, 5 beyond
    assert (cut[35:slots] == IDS.coarse_pad).all()


def test_text_and_history_are_merged_and_padded() -> None:
    text, history = np.array([5, 6, 7]), np.arange(300) % 50
    text_row, history_row, following, targets = semantic.example(
        text, history, np.array([1, 2]), RECIPE, IDS
    )
    assert text_row[:4].tolist() == [*(text + IDS.text_offset), IDS.text_pad]
    assert np.array_equal(history_row, history[-RECIPE.max_input_semantic :])
    assert following.tolist() == [IDS.semantic_infer, 1, 2]
    assert targets.tolist() == [1, 2, IDS.semantic_pad]


def test_ids_do_not_overlap() -> None:
    assert IDS.semantic_pad == IDS.semantic_vocabulary
    assert IDS.text_offset + RECIPE.text_vocabulary == IDS.text_pad
    assert IDS.semantic_inputs == IDS.semantic_infer + 1
    assert IDS.coarse_outputs == IDS.semantic_vocabulary + 2 * 1024 == IDS.coarse_pad


@pytest.mark.parametrize("history", [0, 40, 128])
@pytest.mark.parametrize("frames", [1, 128, 216, 256, 300, 700])
def test_fine_windows_fill_every_frame_in_order(history: int, frames: int) -> None:
    filled = history
    for start, fresh in fine.windows(history, frames, RECIPE):
        assert 0 <= fresh < RECIPE.max_fine_input
        assert start + fresh <= filled  # no gap
        assert start + RECIPE.max_fine_input <= max(history + frames, RECIPE.max_fine_input)
        filled = start + RECIPE.max_fine_input
    assert filled >= history + frames


def test_fine_example_hides_what_is_not_known_yet() -> None:
    _, before = _utterance(100, 4)
    _, codes = _utterance(30, 5)
    inputs, targets = fine.example(before[:, -128:], codes, 0, 4, RECIPE, IDS)
    speech = slice(128, 188)
    assert np.array_equal(inputs[:, :128], before[:, -128:])
    assert np.array_equal(inputs[:4, speech], codes[:4])
    assert (inputs[4:, speech] == IDS.fine_pad).all()
    assert np.array_equal(targets[speech], codes[4])
    assert (targets[:128] == semantic.IGNORED).all()
    assert (inputs[:2, 188:] == IDS.fine_pad).all()
    assert (inputs[2:4, 188:] == fine.AFTER_END).all()
    assert (targets[188:] == fine.AFTER_END).all()
