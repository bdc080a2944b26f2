"""Do all vectors come from one encoder, and what changes with other vectors of the same items?"""
