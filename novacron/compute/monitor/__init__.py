"""`novacron sla monitor`: measures a service from outside, signs what it found, and sees to it that agreements pay."""
