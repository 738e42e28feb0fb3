# The depth and the lateral kernel of the published R101 weights: a backbone's difference to R50.
r101 = dict(slow_pathway=dict(depth=101, fusion_kernel=5), fast_pathway=dict(depth=101))
