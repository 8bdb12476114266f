"""Frames in: video files and image folders, one contract for all. Frames out: whole files."""

import os

# FFmpeg and OpenCV print their own complaints about a broken file, many lines of them; ours is one line,
# with the camera's name. Set before the first capture reads it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
