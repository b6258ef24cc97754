import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.network import NetworkSettings, SentimentLSTM

NETWORK = SentimentLSTM(NetworkSettings(vocab_size=20, embedding_dim=4, hidden_dim=4, pooling="max_mean")).eval()


@given(st.lists(st.integers(1, 19), min_size=1, max_size=10), st.integers(0, 5), st.integers(0, 19))
def test_padding_never_changes_a_logit(tokens: list[int], padding: int, pad_id: int) -> None:
    with torch.inference_mode():
        alone = NETWORK(torch.tensor([tokens]), torch.ones(1, len(tokens), dtype=torch.int64))
        padded = torch.tensor([tokens + [pad_id] * padding])
        mask = torch.tensor([[1] * len(tokens) + [0] * padding])
        torch.testing.assert_close(NETWORK(padded, mask), alone, rtol=0, atol=1e-6)
