"""The provider's daemon: drives a hypervisor through libvirt so that it does what the chain says."""
