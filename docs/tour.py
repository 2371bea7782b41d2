# %% [markdown]
# # A tour of the library
#
# This page is a script: run it with `.venv/bin/python docs/tour.py`, or cell by cell in an editor that
# understands `# %%`. The first part needs `iin_core` alone, the last one a study that has been run
# (`make demo`, results in `./iin-data`; another root is given by `IIN_ROOT`).

# %% A trained network and its activations
import os

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from iin_core import Interpreter, Pairs, TrainingSpec, fit

torch.manual_seed(0)
digits = load_digits()
ink = np.random.default_rng(0).uniform(0.4, 1.0, len(digits.target)).astype("float32")
images = torch.tensor(digits.data / 16 * ink[:, None], dtype=torch.float32)
labels = torch.tensor(digits.target)

model = nn.Sequential()
model.add_module("hidden", nn.Linear(64, 32))
model.add_module("activation", nn.Tanh())
model.add_module("logits", nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images[:1200]), labels[:1200]).backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    z = model.hidden(images)
print("rows and features:", tuple(z.shape))

# %% [markdown]
# ## Fit
# Integer labels are a label concept, floating-point numbers a numeric one. The blocks of z̃ come out in this
# order; the residual holds what the concepts do not explain.

# %%
SHORT = TrainingSpec(updates=200, batch=128)
interpreter = fit(z[:1200], {"digit": labels[:1200].numpy(), "ink": ink[:1200]}, seed=0, training=SHORT)
print(interpreter.blocks)

# %% [markdown]
# ## Read and put back
# T is a bijection: nothing is lost on the way there and back.

# %%
z_tilde = interpreter.encode(z)
error = (interpreter.decode(z_tilde, like=z) - z).abs().max()
print(f"largest error of decode(encode(z)): {error:.1e}")
print("mean log-density of unseen rows:", round(float(interpreter.log_prob(z[1200:]).mean()), 2))

# %% [markdown]
# ## Change just one concept
# `swap` gives base rows another row's factor, `edit` sets a concept to a value, `resample` draws it anew.

# %%
base, source = z[1200:1400], z[1400:1600]
swapped = interpreter.swap(base, source, "digit")
says = model.logits(torch.tanh(swapped)).argmax(1)
donor = labels[1400:1600]
print("the network now sees the donor's digit in", round(float((says == donor).float().mean()), 2))
fours = interpreter.edit(base, "digit", to=4)
print("set to 4:", round(float((model.logits(torch.tanh(fours)).argmax(1) == 4).float().mean()), 2))
darker = interpreter.edit(base, "ink", to=0.4)
print("activations drawn from the priors:", tuple(interpreter.sample(5, seed=0).shape))

# %% [markdown]
# ## In the running model
# Attached to a layer, an interpreter edits what the model computes while it computes it. A pass without an
# edit is the model's own, bit for bit.

# %%
with interpreter.attached(model, layer="hidden") as edit, torch.no_grad():
    untouched = model(images[1200:1400])
    edit.swap(images[1400:1600], "digit")
    y = model(images[1200:1400])
assert torch.equal(untouched, model(images[1200:1400]))
print("the donor's digit in the output:", round(float((y.argmax(1) == labels[1400:1600]).float().mean()), 2))

# %% [markdown]
# ## Pairs instead of labels
# All that is needed is pairs of rows that share something; labels are one way to make them.

# %%
order = np.argsort(labels[:1200].numpy(), kind="stable")
same = np.diff(labels[:1200].numpy()[order]) == 0
pairs = Pairs(order[:-1][same], order[1:][same], shares="shape")
from_pairs = fit(z[:1200], pairs=[pairs], training=TrainingSpec(updates=20))
print(from_pairs.blocks)

# %% [markdown]
# ## Keep it
# A folder with JSON and safetensors: no code, no pickle.

# %%
if "IIN_TOUR_FOLDER" in os.environ:
    interpreter.save(os.environ["IIN_TOUR_FOLDER"])
    assert torch.equal(Interpreter.load(os.environ["IIN_TOUR_FOLDER"]).encode(z), z_tilde)

# %% [markdown]
# ## What a study found
# `open_study` opens the outputs of a study that `iin run` made.

# %%
from tasks.results import open_study  # noqa: E402

study = open_study(os.environ.get("IIN_ROOT", "iin-data"), os.environ.get("IIN_TOUR_STUDY", "digits"))
print(study.scores.dropna(axis="columns", how="all").head().to_string())
first = study.scores.iloc[0]
layer = f"{first['model']}/{first['layer']}"
activations = study.activations(layer)
own = study.interpreter(layer, first["concepts"], seed=int(first["seed"]))
print(layer, activations.shape, own.blocks, study.rows["split"].value_counts().to_dict())
print("codes of its rows:", tuple(own.encode(activations).shape))
