"""What a layer is: `Layer`, its state, its weights, its calls, masks, configuration.

The layers themselves are in `seqir.layers`.
"""
