"""The transfer experiment runs offline, on the embedded digits."""

from experiments.studies import transfer_matrix


def test_the_digits_when_there_is_no_mnist(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
  monkeypatch.delenv("ROBUST_JAX_DATA", raising=False)
  out = tmp_path / "new"
  arguments = ["--num_train=300", "--num_examples=40", "--eps=0.1"]
  assert transfer_matrix.main([*arguments, f"--out={out}"]) == 0
  printed = capsys.readouterr().out
  assert "Taking the UCI digits instead." in printed
  for heading in (
    "without attack",
    "of all images",
    "both classify correctly",
    "predicted labels",
  ):
    assert heading in printed
  assert (out / "transfer_matrix.png").exists()
