# Object-Scores of Kinetics-400 over the 300 nouns of EPIC-KITCHENS-100, by a CLIP model that
# compares frames with prompts. Any vocabulary fits, see docs/teachers.md. Training on this store:
# configs/words/egoexo_slowfast_k400_words.py.
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(
    type='ZeroShotObjectTeacher',
    # a folder: a clone of https://huggingface.co/openai/clip-vit-base-patch32
    model=dict(kind='transformers', checkpoint='checkpoints/clip-vit-base-patch32'),
    vocabulary='data/epic100/EPIC_100_noun_classes.csv',
    text_cache='work_dirs/text_features',
)
test_dataloader = dict(dataset=dict(plan=dict(type='EvenFrames', num_frames=16)))
test_cfg = dict(store='data/targets/k400_object_score_epic100_nouns', batch_size=128)
