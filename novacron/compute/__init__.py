"""Virtual machines as leases: hosts, VMs, agreements, and the agent that runs them on a hypervisor."""
