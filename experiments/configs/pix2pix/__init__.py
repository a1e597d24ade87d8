"""Translation of images by conditional GANs (pix2pix)."""
