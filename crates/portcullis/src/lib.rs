//! Tower layers that keep access-token authentication correct while the things it depends on are broken.
