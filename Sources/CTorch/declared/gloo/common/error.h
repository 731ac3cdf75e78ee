// See ../../README.md: nothing of it is asked for.
#pragma once
