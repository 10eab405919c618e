"""Which pictures are like the first one: embeddings.py PICTURE PICTURE...

A picture is what the model's decoder is given for it: a row of numbers a token. Here the mean of the rows stands for
all of them, without what all pictures have in common, and the cosine of two means is how alike two pictures are.
"""

import sys

import numpy

import mica

if len(sys.argv) < 3:
    sys.exit(__doc__)
paths = sys.argv[1:]
session = mica.Session()
means = numpy.stack([session.embed(path).mean(axis=0) for path in paths])
means -= means.mean(axis=0)
means /= numpy.linalg.norm(means, axis=1, keepdims=True)
alike = means @ means[0]
for index in numpy.argsort(-alike)[1:]:
    print(f"{alike[index]:+.3f}  {paths[index]}")
