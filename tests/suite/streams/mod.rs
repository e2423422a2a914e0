//! Subscribe: positions, filters, consumers, slow readers.
