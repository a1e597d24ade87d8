"""Flags of the commands; those of `compare` are in its package."""

import math

from absl import flags
from ml_collections import config_flags

from experiments.build import imports
from experiments.cli.run_flags import define_numbers

CONFIG = config_flags.DEFINE_config_file(
  "config", None, "experiment: a config file, and after a colon its argument."
)
WORKDIR = flags.DEFINE_string(
  "workdir", None, "folder of the run; runs/<config name> by default."
)
BASELINE = flags.DEFINE_string(
  "baseline",
  None,
  "evaluate: the work directory of a model to compare with; compare: the name "
  "of the model that regressions are counted from.",
)
WEIGHTS = flags.DEFINE_string(
  "weights",
  None,
  "evaluate, attack: PyTorch-layout tensors, .npz or .safetensors.",
)
MODEL = flags.DEFINE_string(
  "model",
  None,
  "evaluate, attack: the network of --weights and its options instead of the "
  "config's, as in wide_resnet,depth=34,widen=10.",
)
LAYOUT = flags.DEFINE_string(
  "layout",
  None,
  "evaluate, attack, export: the names and conventions of PyTorch tensors: "
  "robustbench, trades, wong, deepmind or torchvision; those of the network if "
  "absent.",
)
CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "evaluate, attack, export, sample: the run; --workdir by default.",
)
ATTACK = flags.DEFINE_list(
  "attack",
  None,
  "evaluate: autoattack, pgd or other attacks of the config, members of "
  "`attacks` or `search`, or your own as package.module:function, each perhaps "
  "with options, as in pgd,num_steps=100; in sequence, each on the images that "
  "withstood the previous ones, with checks for masked gradients; attack: one "
  "of these.",
)
NORM = flags.DEFINE_enum(
  "norm",
  None,
  ["linf", "l2", "l1"],
  "evaluate, attack: norm of the ball of --attack, instead of the config's.",
)
EPS = flags.DEFINE_float(
  "eps",
  None,
  "evaluate, attack: radius of the ball of --attack in input units, as in "
  "8/255, instead of the config's.",
  lower_bound=0.0,
)
CERTIFY = flags.DEFINE_bool(
  "certify",
  False,
  "evaluate: the certified accuracy against the radius, by the config's "
  "section evaluation.certificate, instead of attacks; of texts with a robust "
  "encoding, the accuracy under all typos.",
)
WHICH = flags.DEFINE_list(
  "which",
  ["best"],
  "evaluate, attack, export, sample: the checkpoint, best, last or the step of "
  "one; several, as in best,last, are evaluated side by side.",
)
DEFENSE = flags.DEFINE_list(
  "defense",
  None,
  "evaluate, attack: a defense of the model and its options, as in "
  "bit_depth,bits=3, instead of the config's section evaluation.defense. It is "
  "evaluated beside the model itself; attacks attack the defended one. "
  "Of texts: word_recognition,run=runs/word_recognition, or robust_encoding "
  "with the run of a classifier that was trained on one.",
)
WORDNET = flags.DEFINE_string(
  "wordnet",
  None,
  "evaluate, attack: the folder `dict` of WordNet, with data.noun, for the "
  "attacks pwws and synonyms on texts.",
)
NEIGHBORS = flags.DEFINE_string(
  "neighbors",
  None,
  "evaluate, attack: a JSON object of words and their neighbors, or the run of "
  "a model of words whose embeddings are compared, for the attack neighbors on "
  "texts.",
)
MAX_MINUTES = flags.DEFINE_float(
  "max_minutes",
  math.inf,
  "train, sweep: interrupts training after so long; the same command resumes.",
  lower_bound=0.0,
)
PLAN = flags.DEFINE_bool(
  "plan",
  False,
  "train: trains nothing, and prints what the run would take: memory, "
  "operations, and the expected time on --devices.",
)
DEVICES = define_numbers(
  "devices",
  None,
  "train --plan: numbers of devices, as in 8,64; those of this machine if "
  "absent.",
)
PEAK_TFLOPS = flags.DEFINE_float(
  "peak_tflops",
  None,
  "train --plan: the highest rate of a device, in 1e12 FLOP/s; if absent that "
  "of an H100 SXM in the precision of the config, without sparsity: 989 in "
  "bfloat16, 495 (TF32) in float32.",
  lower_bound=0.0,
)
UTILIZATION = flags.DEFINE_float(
  "utilization",
  0.4,
  "train --plan: the fraction of that rate that a step reaches.",
  lower_bound=0.0,
  upper_bound=1.0,
)
BANDWIDTH = flags.DEFINE_float(
  "bandwidth",
  50.0,
  "train --plan: what a device sends to others at once, in 1e9 bytes/s; 50 is "
  "a link of 400 Gbit/s for each device.",
  lower_bound=0.0,
)
SAVE_IMAGES = flags.DEFINE_bool(
  "save_images", False, "evaluate --attack: keep adversarial.npz."
)
NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples",
  None,
  "evaluate, attack, compare: number of test images; all if absent; sample: "
  "number of samples, 64 if absent; of several classes, as many as complete "
  "the rows.",
  lower_bound=1,
)
CLASSES = define_numbers(
  "classes",
  None,
  "sample: classes of a class-conditional generator, as in 3 or 0..4,9, each "
  "of which has a row; all if absent.",
)
TRUNCATION = flags.DEFINE_float(
  "truncation",
  None,
  "sample: the largest absolute value of an entry of the latent, as in 0.7; "
  "larger ones are drawn again, which makes samples more typical and less "
  "diverse.",
)
WALK = flags.DEFINE_bool(
  "walk",
  False,
  "sample: the latents of a row go from one random latent to another.",
)
OUT = flags.DEFINE_string(
  "out",
  None,
  "compare: the folder of the report; attack: the .npz file of x, x_adv, "
  "labels, predictions and misclassified, or the folder of these, of PNG "
  "images, a picture and a report; export: the file, .safetensors or "
  ".stablehlo; sample: the picture, or an .npz of training data; sweep: the "
  "folder of its runs and tables.",
)
SEEDS = define_numbers(
  "seeds", [0], "sweep: all of it from each of them, as in 0,1 or 0..4."
)
GRID = flags.DEFINE_multi_string(
  "grid",
  [],
  "sweep: a field of the config and its values, as in "
  "config.optimizer.learning_rate=0.1,0.01; of several of these flags, all "
  "combinations are trained.",
)
PRINT_COMMANDS = flags.DEFINE_bool(
  "print_commands", False, "sweep: prints a command for each run, trains none."
)
SLURM = flags.DEFINE_string(
  "slurm", None, "sweep: the file of a Slurm array to write; trains none."
)
SKYPILOT = flags.DEFINE_string(
  "skypilot", None, "sweep: the file of a SkyPilot task to write; trains none."
)
COLLECT = flags.DEFINE_bool(
  "collect", False, "sweep: writes the tables of what is in --out; trains none."
)
PLOT = flags.DEFINE_list(
  "plot",
  None,
  "sweep: two quantities, of which the second is drawn against the first, as "
  "in config.optimizer.learning_rate,accuracy.",
)
DIFFERS_FROM = flags.DEFINE_string(
  "differs_from",
  None,
  "runs: a run; the fields in which the config of each other run differs.",
)
PROCESSES = flags.DEFINE_integer(
  "processes", None, "number of processes to start on this machine."
)
COORDINATOR = flags.DEFINE_string(
  "coordinator", None, "host:port of process 0, to join several machines."
)
NUM_PROCESSES = flags.DEFINE_integer(
  "num_processes", None, "number of processes of the program."
)
PROCESS_ID = flags.DEFINE_integer(
  "process_id", None, "id of this process, from 0."
)
COORDINATOR_TIMEOUT = flags.DEFINE_float(
  "coordinator_timeout", 300.0, "how many seconds to wait for the others."
)
MATMUL_PRECISION = flags.DEFINE_enum(
  "matmul_precision",
  None,
  ["default", "high", "highest"],
  "precision of products of float32 numbers; default is TF32 on GPUs. If "
  "absent, training has the default and every evaluation the highest.",
)
ALLOW_IMPORTS = flags.DEFINE_list(
  imports.FLAG, [], f"evaluate, attack, compare: {imports.HELP}"
)
TRACEBACK = flags.DEFINE_bool(
  "traceback", False, "print the traceback of an error."
)
