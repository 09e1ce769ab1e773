"""HTTP and TCP servers that behave well or badly, for tests of clients."""
