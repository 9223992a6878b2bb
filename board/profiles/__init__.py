"""The board profiles, one defconfig-style file each; board/profile.py reads them."""
