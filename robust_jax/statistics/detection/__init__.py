"""Statistics of detections: matching, average precision, boxes lost, errors."""
