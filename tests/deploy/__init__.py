"""What is shipped in containers: the image, the Compose file, and the manifests for Kubernetes."""
