module vidq

go 1.26
