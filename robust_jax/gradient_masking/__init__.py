"""Checks for gradient masking: can the gradients of a model be trusted?"""
