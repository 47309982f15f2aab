"""Every campaign of a Kore.ai account, out of its API and into files people trust."""
