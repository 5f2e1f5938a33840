"""The endpoint on SageMaker: models, configuration, traffic, scaling, and the dynamic providers behind them.

Nothing is imported here: Pulumi loads a dynamic provider by its module, from its state.
"""
