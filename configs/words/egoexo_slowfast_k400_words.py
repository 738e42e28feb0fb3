# Ego-Exo pre-training of SlowFast 8x8 R50 with Object-Scores and Ego-Scores by words
# (configs/teachers/objects_by_words.py and ego_score_by_words.py) in place of ImageNet classes and
# a trained Ego-Score teacher.
_base_ = '../egoexo_slowfast_k400.py'

# as many as names in the vocabulary; the first step compares them
model = dict(aux_heads=dict(object_score=dict(num_classes=300)))
train_dataloader = dict(
    dataset=dict(
        targets=dict(
            ego_score='data/targets/k400_ego_score_by_words',
            object_score='data/targets/k400_object_score_epic100_nouns',
        )
    )
)
