"""The test ground: real services, a browser, and time and chance that the test holds in its hand.

Owns: starting and always stopping what tests need; nothing of it listens on a network port or outlives the run.
Never: imitates a part of the product.
Called by: tests alone, through the fixtures.
"""
