"""wsgi.file_wrapper."""

import io
import os
import stat


class FileWrapper:
    """An iterable over a file; a regular one is copied by the kernel."""

    def __init__(self, file, block_size=65536):
        self.file = file
        self.block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        data = self.file.read(self.block_size)
        if not data:
            raise StopIteration
        return data

    def regular_size(self):
        """Return how many bytes follow if that is known and sendfile can read them, else None."""
        # A fileno of others, such as gzip's, may be that of what they decode.
        if not isinstance(getattr(self.file, "raw", self.file), io.FileIO):
            inner = getattr(self.file, "file", None)  # of tempfile's
            if not isinstance(getattr(inner, "raw", inner), io.FileIO):
                return None
        try:
            status = os.fstat(self.file.fileno())
            position = self.file.tell()
        except (AttributeError, OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode) or not isinstance(position, int):
            return None
        return max(status.st_size - position, 0)

    def copy_to(self, fd, size):
        """Copy size bytes from the file's position to fd, fewer if the file is cut meanwhile. Return how many."""
        source = self.file.fileno()
        start = position = self.file.tell()
        end = start + size
        while position < end:
            copied = os.sendfile(fd, source, position, end - position)
            if copied == 0:
                break
            position += copied
        return position - start
