"""Content-addressed storage: files as IPFS makes them (CIDv1, UnixFS), verified on every read, and VM state records."""
