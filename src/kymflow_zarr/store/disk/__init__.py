"""Files, trees and locks of a local disk, and where its systems differ; the local store is built on them."""
