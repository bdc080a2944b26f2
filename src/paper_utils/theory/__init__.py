"""What a dot product can say: counting, sign-rank, constructions, margins, precision.

``relevance``    qrels as a checked, reduced 0/1 matrix
``counting``     how many sets a half-space can cut off; how many sign matrices have low rank
``shatter``      VC dimension and the sets on which linear dependence bites
``norms``        trace norm, max-norm, Forster's bound
``realise``      embeddings found by squared hinge and L-BFGS
``signrank``     lower and upper bounds with certificates, for any qrels
``construction`` explicit embeddings: trigonometric curve, Euclidean, simplex, centroids
``precision``    which subsets survive float16, float32, float64
``margin``       what a margin costs in dimensions
"""
