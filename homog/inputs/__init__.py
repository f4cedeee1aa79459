"""What a model sees: readers of texts and images, corpora, and the transforms that defects share."""
