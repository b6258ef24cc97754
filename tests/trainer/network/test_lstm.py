import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import TrainerError
from trainer.network.bfloat16 import Bfloat16LSTM
from trainer.network.lstm import PREFIX_WORDS, SentimentLSTM
from trainer.network.phrases import Phrases
from trainer.network.settings import NetworkSettings, Pooling

NETWORK = SentimentLSTM(NetworkSettings(vocab_size=20, embedding_dim=4, hidden_dim=4, pooling="max_mean")).eval()


@given(st.lists(st.integers(1, 19), min_size=1, max_size=10), st.integers(0, 5), st.integers(0, 19))
def test_padding_never_changes_a_logit(tokens: list[int], padding: int, pad_id: int) -> None:
    with torch.inference_mode():
        alone = NETWORK(torch.tensor([tokens]), torch.ones(1, len(tokens), dtype=torch.int64))
        padded = torch.tensor([tokens + [pad_id] * padding])
        mask = torch.tensor([[1] * len(tokens) + [0] * padding])
        torch.testing.assert_close(NETWORK(padded, mask), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("more", [{}, {"phrases": 31, "head_dim": 3}], ids=str)
@pytest.mark.parametrize("words_per_step", [1, 2])
@pytest.mark.parametrize("pooling", ["max_mean", "last_max_mean"])
def test_logits_of_prefixes_are_those_of_the_texts_cut_there(
    words_per_step: int, pooling: Pooling, more: dict[str, int]
) -> None:
    torch.manual_seed(0)
    network = SentimentLSTM(NetworkSettings(20, 4, 4, pooling, words_per_step, **more)).eval()
    if network.phrases is not None:
        torch.nn.init.normal_(network.phrases.weight)
    lengths = torch.tensor([1, 31, 32, 33, 64, 75, 77])
    input_ids = torch.randint(1, 20, (len(lengths), 77))
    mask = (torch.arange(77) < lengths.unsqueeze(1)).long()
    with torch.inference_mode():
        prefixes = network.prefix_logits(network.embedding(input_ids), mask, network.weigh_phrases(input_ids, mask))
        assert prefixes.shape == (len(lengths), 3)
        torch.testing.assert_close(prefixes[:, -1], network(input_ids, mask))
        for number in range(3):
            cut = slice(PREFIX_WORDS * (number + 1))
            torch.testing.assert_close(prefixes[:, number], network(input_ids[:, cut], mask[:, cut]))


def test_a_pair_of_words_says_the_same_wherever_it_stands_and_less_in_a_long_text() -> None:
    phrases = Phrases(1009)
    torch.nn.init.normal_(phrases.weight)
    ids = torch.tensor([[3, 4, 3, 4, 5], [4, 3, 4, 0, 0]])
    said = phrases(ids, torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]))
    assert said[0, 0] == said[1, 0] == said[1, 3] == said[1, 4] == 0
    assert said[0, 1] == said[0, 3] == said[1, 2] != said[0, 2] == said[1, 1]
    network = SentimentLSTM(NetworkSettings(20, 4, 4, "max_mean", phrases=1009)).eval()
    before = network(ids, torch.ones_like(ids))
    torch.nn.init.ones_(network.phrases.weight)
    torch.testing.assert_close(network(ids, torch.ones_like(ids)) - before, torch.full((2,), 4 / 5**0.5))


def test_the_state_after_padding_has_no_prefixes() -> None:
    network = SentimentLSTM(NetworkSettings(20, 4, 4, "final_step"))
    ids = torch.ones(1, 3, dtype=torch.int64)
    with pytest.raises(TrainerError, match="final_step"):
        network.prefix_logits(network.embedding(ids), ids)


def test_bfloat16_has_the_same_weights_and_nearly_the_same_logits() -> None:
    settings = NetworkSettings(20, 8, 8, "last_max_mean")
    plain, half = SentimentLSTM(settings).eval(), SentimentLSTM(settings, Bfloat16LSTM).eval()
    half.load_state_dict(plain.state_dict())
    ids = torch.randint(1, 20, (4, 40))
    torch.testing.assert_close(half(ids, torch.ones_like(ids)), plain(ids, torch.ones_like(ids)), rtol=0, atol=0.02)
    half(ids, torch.ones_like(ids)).sum().backward()
    assert all(weights.grad is not None and weights.grad.dtype == torch.float32 for weights in half.parameters())
