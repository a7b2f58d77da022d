"""The models behind the interfaces: found on disk, loaded, batched, warmed up, unloaded."""
