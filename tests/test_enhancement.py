"""Speech in noise: the metric pinned, layouts read, mixtures as they say, and the network's parts by hand."""

from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.gradcheck import gradcheck

from lavalier.models.dpsnn import DPSNN, PUBLISHED, SMALL, WINDOW, Adaptive, Sizes
from lavalier.models.scans import leaky
from lavalier.simulate.errors import BadInput, NotAvailable
from lavalier.train.data.ndns import load_ndns
from lavalier.train.data.pairs import RATE, read_pair
from lavalier.train.data.voicebank import load_voicebank
from lavalier.train.enhancement import Material, Settings, loss_of, material_of, torch_si_snr, train
from lavalier.train.generate.mixtures import draw, mixed, write_ndns, write_voicebank
from lavalier.train.generate.noises import NOISES
from lavalier.train.sound_metrics import dnsmos, pesq, quality, si_snr, stoi

PINNED = {"p232_034": 10.0701, "p232_043": 5.8746, "p232_056": 0.5099, "p232_263": 1.5583, "p257_426": 1.1760}


def test_si_snr_of_the_published_files(shared):
    splits = load_voicebank(shared / "data" / "voicebank")
    assert [pair.name for pair in splits.test] == list(PINNED)
    for pair in splits.test:
        assert si_snr(*read_pair(pair)) == pytest.approx(PINNED[pair.name], abs=5e-5)


def test_six_recordings_of_one_speaker_validate_nothing(shared):
    splits = load_voicebank(shared / "data" / "voicebank")
    assert len(splits.train) == 6 and not splits.valid
    assert splits.notes == ("1 of 28 speakers to train on: trains on all, validates on generated mixtures",)


# a gain for which the definition's eps of 1e-8 is far below the noise
@given(st.floats(-30, 30), st.floats(0.1, 100), st.floats(-5, 5))
def test_si_snr_hears_neither_gain_nor_offset(snr_db, gain, offset):
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(400)
    noise = rng.standard_normal(400)
    clean -= clean.mean()
    noise -= noise.mean() + (noise @ clean) / (clean @ clean) * clean
    noise -= noise.mean()
    estimate = mixed(clean, noise, snr_db)
    assert si_snr(gain * estimate + offset, clean) == pytest.approx(snr_db, abs=1e-3)


def test_si_snr_refuses_what_does_not_fit():
    with pytest.raises(BadInput, match=r"\(3,\) cannot be scored against \(4,\)"):
        si_snr(np.ones(3), np.ones(4))


@pytest.mark.parametrize(
    "package, name, pinned",
    [("pystoi", "stoi", 0.8631), ("pesq", "pesq", 1.437), ("speechmos", "dnsmos", 2.578)],
)
def test_what_is_heard_is_as_their_packages_have_it(shared, package, name, pinned):
    noisy, clean = read_pair(load_voicebank(shared / "data" / "voicebank").test[0])
    scores = {
        "stoi": partial(stoi, noisy, clean),
        "pesq": partial(pesq, noisy, clean),
        "dnsmos": partial(dnsmos, noisy),
    }
    if find_spec(package):
        assert scores[name](RATE) == pytest.approx(pinned, abs=1e-3)
        assert name in quality(noisy, clean, RATE)
    else:
        assert name not in quality(noisy, clean, RATE)
        with pytest.raises(NotAvailable, match=f"{package} is not installed: pip install 'lavalier"):
            scores[name](RATE)


def test_dnsmos_takes_sound_at_its_rate():
    with pytest.raises(BadInput, match="DNSMOS of 3 samples at 8000 Hz: it takes some, at 16000 Hz"):
        dnsmos(np.ones(3), 8000)
    with pytest.raises(BadInput, match="DNSMOS of 0 samples"):
        dnsmos(np.ones(0), RATE)


def test_the_loss_has_the_metric_s_si_snr():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 3, 200))
    assert torch_si_snr(torch.from_numpy(a), torch.from_numpy(b)).numpy() == pytest.approx(si_snr(a, b))


def test_activity_of_every_frame_costs():
    clean = torch.randn(1, 80)
    silent = {name: torch.zeros(1, 4, 2) for name in ("proj", "readout")}
    early = {**silent, "proj": torch.zeros(1, 4, 2).index_fill(1, torch.tensor([0]), 1.0)}
    assert loss_of(clean, early, clean) - loss_of(clean, silent, clean) == pytest.approx(1e-3 / 4, rel=0.05)


def tone(seconds=0.3, hz=440.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def complete_set(folder, speakers, rate=RATE, subtype="PCM_16"):
    """One recording of each speaker in the official folders."""
    for split, names in (("trainset_28spk", speakers), ("testset", ["p232"])):
        for half in ("noisy", "clean"):
            to = folder / f"{half}_{split}_wav"
            to.mkdir(parents=True)
            for name in names:
                soundfile.write(to / f"{name}_001.wav", 0.5 * tone(), rate, subtype=subtype)


def test_two_speakers_of_the_complete_set_validate(tmp_path):
    complete_set(tmp_path, [f"p{n}" for n in range(226, 288)][::-1][:27] + ["p226"])
    splits = load_voicebank(tmp_path)
    assert sorted(pair.name for pair in splits.valid) == ["p226_001", "p287_001"]
    assert len(splits.train) == 26 and len(splits.test) == 1


@pytest.mark.parametrize("rate, subtype", [(16000, "FLOAT"), (48000, "PCM_16")])
def test_both_kinds_of_files_are_read_at_16_khz(tmp_path, rate, subtype):
    complete_set(tmp_path, ["p226"], rate, subtype)
    noisy, clean = read_pair(load_voicebank(tmp_path).train[0])
    assert noisy.dtype == np.float32 and abs(len(noisy) - round(0.3 * RATE * RATE / rate)) <= 1
    assert np.abs(noisy - clean).max() == 0 and np.abs(noisy).max() == pytest.approx(0.5, abs=0.01)


def test_a_recording_without_its_other_half_is_named(tmp_path):
    complete_set(tmp_path, ["p226", "p227"])
    (tmp_path / "clean_trainset_28spk_wav" / "p227_001.wav").unlink()
    with pytest.raises(BadInput, match="'p227_001' has no other half"):
        load_voicebank(tmp_path)
    with pytest.raises(BadInput, match="neither train/noisy nor"):
        load_voicebank(tmp_path / "elsewhere")


def test_what_is_written_in_a_layout_is_read_from_it(tmp_path):
    speech = [[tone(0.5, hz) for hz in (200, 300, 500)]]
    write_voicebank(tmp_path / "a", speech, 3, 2, 0.5, seed=0)
    write_ndns(tmp_path / "b", speech, 2, 2, 0.5, seed=0)
    assert [
        len(part) for part in (load_voicebank(tmp_path / "a").train, load_voicebank(tmp_path / "a").test)
    ] == [3, 2]
    found = load_ndns(tmp_path / "b")
    assert len(found.train) == 2 and found.valid == found.test
    noisy, clean = read_pair(found.train[0])
    stated = int(found.train[0].noisy.stem.split("snr")[1].split("_")[0])
    true = 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))
    assert true == pytest.approx(stated, abs=0.6)
    noise, _ = soundfile.read(
        tmp_path / "b" / "training_set" / "noise" / f"noise_fileid_{found.train[0].name}.wav", dtype="float32"
    )
    assert np.abs(noisy - clean - noise).max() < 1e-4


@pytest.mark.parametrize("kind", NOISES)
def test_noises_are_finite_loud_and_repeatable(kind):
    a, b = (NOISES[kind](np.random.default_rng(5), 4000, RATE) for _ in range(2))
    assert np.array_equal(a, b) and np.isfinite(a).all() and 0.1 < np.std(a) < 20


def test_mixtures_have_the_snr_that_was_asked_for():
    rng = np.random.default_rng(2)
    noises = [[NOISES["colored"](rng, RATE, RATE).astype(np.float32)]]
    noisy, clean = draw([[tone(1.0)]], noises, 4, 0.5, rng, snr_db=(3.0, 3.0))
    snr = 10 * np.log10(np.mean(clean**2, 1) / np.mean((noisy - clean) ** 2, 1))
    assert snr == pytest.approx(np.full(4, 3.0), abs=1e-3) and np.abs(noisy).max() < 1


def test_parameters_as_published():
    assert sum(p.numel() for p in DPSNN(PUBLISHED).parameters()) == 372_996
    assert sum(p.numel() for p in DPSNN(SMALL).parameters()) == 23_363
    with pytest.raises(ValueError, match="n = 0"):
        Sizes(0)


@given(st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_leaky_scan_is_the_recurrence(spikes, seed):
    rng = np.random.default_rng(seed)
    x, kept = torch.from_numpy(rng.normal(0, 3, (2, 7, 3))), torch.from_numpy(rng.uniform(0, 1, 3))
    v = torch.zeros(2, 3, dtype=torch.float64)
    for t, found in enumerate(leaky(x, kept, spikes).unbind(1)):
        v = kept * v + (1 - kept) * x[:, t]
        fired = (v >= 1).double()
        assert torch.equal(found, fired) if spikes else torch.allclose(found, v, atol=1e-12)
        v = v * (1 - fired) if spikes else v


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_gradients_of_the_scan(seed):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, 1, (2, 5, 2))).requires_grad_()
    kept = torch.from_numpy(rng.uniform(0.1, 0.9, 2)).requires_grad_()
    assert gradcheck(lambda x, kept: leaky(x, kept, False), (x, kept))


def test_gradient_of_a_spike_is_the_surrogate_s():
    x, kept = torch.tensor([[[1.8], [3.0]]]).requires_grad_(), torch.tensor([0.5])
    leaky(x, kept, True)[0, 1, 0].backward()
    # v = 0.9, no spike; v = 0.45 + 1.5 = 1.95: 1 / (1 + (pi 0.95)^2) by 1/2, and by 1/4 a step before
    slope = 1 / (1 + (np.pi * 0.95) ** 2)
    assert x.grad is not None and x.grad.flatten().tolist() == pytest.approx([slope / 4, slope / 2], rel=1e-5)


def test_adaptive_neurons_by_hand():
    cells = Adaptive(1)
    with torch.no_grad():
        cells.recurrent.weight.zero_()
        cells.recurrent.bias.zero_()
        spikes = cells(torch.full((1, 4, 1), 4.0))
    # alpha = rho = 1/2: u = 2 > 1.6; theta = 1.692, u = 1 + 2 - 1.692 = 1.308; u = 2.654 > 1.646; ...
    assert spikes.flatten().tolist() == [1, 0, 1, 0]


def test_the_suppression_learns():
    net = DPSNN(Sizes(8, recurrent=False))
    net(torch.randn(1, 800))[0].square().sum().backward()
    assert net.separator.suppression.grad is not None and net.separator.suppression.grad != 0


def test_no_output_before_its_sound():
    net = DPSNN(Sizes(8)).eval()
    x = torch.randn(1, 800)
    later = x.clone()
    later[:, 400:] += 1
    with torch.no_grad():
        a, b = net(x)[0], net(later)[0]
    # a window ends at most a window after what it is about
    assert torch.equal(a[:, : 400 - WINDOW], b[:, : 400 - WINDOW]) and not torch.equal(a, b)


def test_training_gains_and_repeats():
    _, found, _ = training()
    chosen = Settings(steps=30, batch=4, seconds=0.25, checks=3)
    said, nets = [], []
    for _ in range(2):
        torch.manual_seed(0)
        nets.append(train(DPSNN(Sizes(16, recurrent=False)), found, chosen, lambda *s: said.append(s)))
    assert said[:3] == said[3:] and said[2][1] > 3
    assert not any(net.training for net in nets)


def test_material_of_nothing_is_refused():
    with pytest.raises(BadInput, match="nothing to train on"):
        material_of(None, None, 0)


def training() -> tuple[DPSNN, Material, Settings]:
    rng = np.random.default_rng(0)
    noises = [[NOISES["band"](rng, RATE, RATE).astype(np.float32)]]
    speech = [[tone(1.0, hz) for hz in (200, 350)]]
    valid = list(zip(*draw(speech, noises, 2, 0.25, rng), strict=True))
    torch.manual_seed(0)
    net = DPSNN(Sizes(16, recurrent=False))
    return net, Material(speech, noises, valid), Settings(steps=4, batch=2, seconds=0.1, checks=2)


def test_a_run_goes_on_from_its_checkpoint_to_the_same_weights(tmp_path):
    class Killed(Exception):
        pass

    def kill(step: int, gain: float) -> None:
        raise Killed

    whole = train(*training())
    with pytest.raises(Killed):
        train(*training(), kill, tmp_path / "last.ckpt")
    resumed = train(*training(), checkpoint=tmp_path / "last.ckpt")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a checkpoint ran code')",)


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"net": Trap()}, tmp_path / "last.ckpt")
    with pytest.raises(BadInput, match="no checkpoint of this run"):
        train(*training(), checkpoint=tmp_path / "last.ckpt")
