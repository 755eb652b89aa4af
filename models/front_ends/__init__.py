"""What stands between sound or spike files and a network: encoders in NumPy, the same in training and use.

`bins` (spike counts), `mfcc`, `bernoulli` (rates to spikes), `spectrogram`, `samples`, `constant` (a held
input as a bias), `cochlea` (2 ms, at any loudness), `chunks` (100 ms, as loud as it is), `mel`. None
knows a network, a file or a data set.
"""
