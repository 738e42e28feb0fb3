"""Two ranks with a test set that does not divide evenly give what one rank gives, in its order."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Five samples: with two ranks the sampler hands sample 0 to the second one again, to fill up.
PROGRAM = """
import json, sys
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
import egoexo_mm

rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if world > 1:
    store = f'file://{folder}/store'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=world)
scores = torch.rand((5, 4), generator=torch.Generator().manual_seed(0))
probabilities = scores / scores.sum(1, keepdim=True)
metas = [dict(narration_id=f'P18_01_{i}', participant_id=('P01', 'P18')[i % 2]) for i in range(5)]
single = [dict(pred_score=p, gt_label=torch.tensor([i % 4]), **m)
          for i, (p, m) in enumerate(zip(probabilities, metas))]
double = [dict(pred_score=dict(verb=p, noun=p.flip(0)), gt_label=torch.tensor([i % 4, i % 3]), **m)
          for i, (p, m) in enumerate(zip(probabilities, metas))]
multi = [dict(pred_score=p, gt_label=torch.eye(4)[i % 4], **m)
         for i, (p, m) in enumerate(zip(scores, metas))]
found = {}
for cfg, samples in ((dict(type='VerbNounMetric', unseen_participants='validation',
                           predictions_file=f'{folder}/{world}.json'), double),
                     (dict(type='KeystepMetric', topk=(1, 2)), single),
                     (dict(type='CharadesMetric'), multi)):
    evaluator = Evaluator(dict(cfg, collect_dir=f'{folder}/collect') if world > 1 else cfg)
    order = list(DefaultSampler(samples, shuffle=False))
    for i in range(0, len(order), 2):
        evaluator.process([samples[index] for index in order[i:i + 2]])
    found.update(evaluator.evaluate(5))
if rank == 0:
    print(json.dumps(found), flush=True)
if world > 1:
    torch.distributed.barrier()
    # else gloo's threads may abort the process as it ends
    torch.distributed.destroy_process_group()
"""


def run(world, folder):
    env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT))
    command = [sys.executable, '-c', PROGRAM]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(world), str(folder)],
            env=env,
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=300) for process in ranks]
    assert [process.returncode for process in ranks] == [0] * world, outputs
    return json.loads(outputs[0][0].splitlines()[-1])


def test_two_ranks_equal_one(tmp_path):
    one, two = run(1, tmp_path), run(2, tmp_path)
    assert one == two and {
        'acc/action_top1',
        'acc/unseen_noun_top1',
        'keystep/top2',
        'charades/mAP',
    } <= set(one)
    ids = [list(json.loads((tmp_path / f'{world}.json').read_text())) for world in (1, 2)]
    assert ids[0] == ids[1] == [f'P18_01_{number}' for number in range(5)]
