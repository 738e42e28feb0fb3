# The auxiliary head that Ego-Exo* keeps while fine-tuning, on the last map of Slow or of SlowFast's
# slow pathway. The configs set the weights of its losses.
interaction_head = dict(type='InteractionMapHead', in_channels=2048, mid_channels=512, pathway=0)
