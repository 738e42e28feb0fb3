# Ego-Scores of Kinetics-400 without a trained teacher: a CLIP model compares frames with prompts
# for both views. How well it tells them apart: ego_score_by_words_charades_ego.py.
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(
    type='ZeroShotEgoTeacher',
    # a folder: a clone of https://huggingface.co/openai/clip-vit-base-patch32
    model=dict(kind='transformers', checkpoint='checkpoints/clip-vit-base-patch32'),
    text_cache='work_dirs/text_features',
)
test_dataloader = dict(dataset=dict(plan=dict(type='EvenFrames', num_frames=16)))
test_cfg = dict(store='data/targets/k400_ego_score_by_words', batch_size=128)
