"""From a matrix to named components: Gram matrix, interference, partition, classification, report.

What is public here is handed out by `geomsup` itself.
"""
